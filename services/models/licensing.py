"""Which models LICENSE_POLICY allows, by the licences of their weights."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from core.exceptions import LicenseForbidden
from core.settings import SettingsError
from services.models.catalogue import catalogue
from services.models.catalogue.types import CommercialUse, License, Model

_FROM_WORST = ("no", "unclear", "yes")


def commercial_use(models: Iterable[Model]) -> CommercialUse:
    """Whether the models may be used commercially together: the strictest of their verdicts."""
    return min((model.license.commercial_use for model in models), key=_FROM_WORST.index)


@dataclass(frozen=True, slots=True)
class LicensePolicy:
    """LICENSE_POLICY: `any`, or `commercial` for only those weights that may certainly be used commercially."""

    policy: Literal["any", "commercial"]

    def allows(self, terms: License) -> bool:
        """Whether weights under these terms may be used."""
        return self.policy == "any" or terms.commercial_use == "yes"

    def require(self, *names: str) -> None:
        """Return if all of these models may be used; names are the catalogue's names or aliases.

        Raises:
            LicenseForbidden: one of them may not be used; details say why.
        """
        for model in map(catalogue.find, names):
            if not self.allows(model.license):
                raise LicenseForbidden(
                    self._refusal(model.name, model.license),
                    details={
                        "model": model.name,
                        "license": model.license.name,
                        "commercial_use": model.license.commercial_use,
                        "source": model.license.source,
                    },
                )

    def require_of(self, setting: str, name: str) -> None:
        """Return if the model that `setting` names may be used.

        Raises:
            SettingsError: it may not be used.
        """
        terms = catalogue.find(name).license
        if not self.allows(terms):
            raise SettingsError(f"{setting}: {self._refusal(name, terms)}")

    def _refusal(self, name: str, terms: License) -> str:
        return (
            f"LICENSE_POLICY={self.policy} forbids {name}: its commercial use is"
            f" {'not allowed' if terms.commercial_use == 'no' else 'unclear'}. {terms.reason}"
        )
