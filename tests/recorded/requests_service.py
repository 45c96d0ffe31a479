"""Requests about the service itself, and about what every route has in common."""

from tests.recorded.asking import Scenario, ask

PAGE = "https://app.example.com"
_PREFLIGHT = {
    "Origin": PAGE,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "x-api-key, content-type, cookie",
}

SERVICE = (
    Scenario(
        name="service",
        steps=(
            ask("info", "GET /"),
            ask("info_below_prefix", "GET /api/v1"),
            ask("health", "GET /health"),
            ask("health_with_slash", "GET /health/"),
            ask("head", "HEAD /health"),
            ask("ready", "GET /ready"),
            ask("ready_below_prefix", "GET /api/v1/ready"),
            ask("models", "GET /models"),
            ask("openapi", "GET /openapi.json"),
            ask("openapi_below_prefix", "GET /api/v1/openapi.json"),
            ask("docs", "GET /docs"),
            ask("docs_with_slash", "GET /api/v1/docs/"),
            ask("docs_script", "GET /docs/start.js"),
            ask("docs_style", "GET /docs/swagger-ui.css"),
            ask("docs_unknown_file", "GET /docs/LICENSE"),
            ask("own_request_id", "GET /health", headers={"X-Request-Id": "my-own.id_1"}),
            ask("odd_request_id", "GET /health", headers={"X-Request-Id": "two words"}),
            ask("unknown_path", "GET /nothing"),
            ask("unknown_path_below_prefix", "POST /api/v1/nothing", json={}),
            ask("two_slashes", "GET /persons//x"),
            ask("get_of_a_post", "GET /verify"),
            ask("delete_of_a_get", "DELETE /api/v1/health"),
            ask("put_of_a_person", "PUT /persons/x", json={}),
            ask("options", "OPTIONS /persons/x"),
            ask("preflight_without_cors", "OPTIONS /verify", headers=_PREFLIGHT),
            ask("key_of_nobody", "GET /collections", headers={"X-API-Key": "whatever"}),
        ),
    ),
    Scenario(
        name="foreign pages",
        settings={"cors_origins": (PAGE, "https://other.example.com"), "require_auth": True},
        steps=(
            ask("preflight", "OPTIONS /verify", headers=_PREFLIGHT),
            ask("preflight_of_another", "OPTIONS /verify", headers=_PREFLIGHT | {"Origin": "https://evil.net"}),
            ask("answer", "GET /health", headers={"Origin": PAGE}),
            ask("refusal", "GET /persons", headers={"Origin": PAGE}),
            ask("answer_to_another", "GET /health", headers={"Origin": "null"}),
        ),
    ),
    Scenario(
        name="every page",
        settings={"cors_origins": ("*",)},
        steps=(ask("answer", "GET /collections", headers={"Origin": PAGE}),),
    ),
)
