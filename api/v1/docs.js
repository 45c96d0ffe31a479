// Starts Swagger UI. The line before this one is `exampleIds`: the IDs of the examples.

// Example IDs with the real ones for which they stand on this page, since /register was executed here.
const realIds = {};

function withRealIds(text) {
  return Object.entries(realIds).reduce((changed, [example, real]) => changed.replaceAll(example, real), text);
}

function rememberKey(answer) {
  realIds[exampleIds.key] = answer.id;
}

function rememberFace(answer) {
  realIds[exampleIds.otherPerson] = realIds[exampleIds.person] ?? exampleIds.otherPerson;
  realIds[exampleIds.person] = answer.person_id;
  realIds[exampleIds.face] = answer.id;
}

// All errors have one body, so the page shows it once per operation, not once per status.
function withOneError(description) {
  for (const operation of Object.values(description.paths).flatMap(Object.values)) {
    const statuses = Object.keys(operation.responses).filter((status) => status >= "400");
    for (const status of statuses) delete operation.responses[status];
    if (statuses.length) {
      operation.responses.default = {
        description: `Error with status ${statuses.join(", ")}.`,
        content: { "application/json": { schema: { $ref: "#/components/schemas/ErrorBody" } } },
      };
    }
  }
  return description;
}

SwaggerUIBundle({
  url: new URL("../openapi.json", document.currentScript.src).href,
  dom_id: "#page",
  validatorUrl: null, // the default validator is a third-party server
  persistAuthorization: false, // a typed API key is not stored
  tryItOutEnabled: true,
  plugins: [
    {
      statePlugins: {
        spec: { wrapActions: { updateJsonSpec: (update) => (description) => update(withOneError(description)) } },
      },
    },
  ],
  requestInterceptor: (request) => {
    request.url = withRealIds(request.url);
    if (typeof request.body === "string") request.body = withRealIds(request.body);
    return request;
  },
  responseInterceptor: (response) => {
    const path = new URL(response.url).pathname;
    if (response.ok && path.endsWith("/register")) rememberFace(JSON.parse(response.text));
    if (response.status === 201 && path.endsWith("/keys")) rememberKey(JSON.parse(response.text));
    return response;
  },
});
