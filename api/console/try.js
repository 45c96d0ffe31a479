// Try it: one request after the other on photos of one's own.

import { html } from "./preact-htm.js";
import { t } from "./language.js";
import { Tabs } from "./parts.js";
import { TryFaces } from "./try_faces.js";
import { TryFind } from "./try_find.js";
import { TryIdentify } from "./try_identify.js";
import { TryVerify } from "./try_verify.js";

const TRIES = [
  { name: "faces", scope: "faces", part: TryFaces },
  { name: "verify", scope: "faces", part: TryVerify },
  { name: "identify", scope: "gallery:read", part: TryIdentify },
  { name: "find", scope: "find", part: TryFind },
];

export const triesOf = ({ scopes, photo_folder }) =>
  TRIES.filter(({ name, scope }) => scopes.includes(scope) && (name !== "find" || photo_folder));

export function Try({ place, limits }) {
  const tries = triesOf(limits);
  const chosen = tries.find(({ name }) => name === place[0]) ?? tries[0];
  return html`
    <h1>${t("screen_try")}</h1>
    <${Tabs}
      label=${t("tries")}
      chosen=${`try/${chosen.name}`}
      tabs=${tries.map(({ name }) => ({ place: `try/${name}`, name: t(`try_${name}`) }))}
    />
    <${chosen.part} key=${chosen.name} limits=${limits} />
  `;
}
