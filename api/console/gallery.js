// What several screens of the gallery share.

export const mayWrite = ({ scopes }) => scopes.includes("gallery:write");

// `team=blue, site=3` as labels; undefined if there are none.
export function labelsOf(text) {
  const pairs = text.split(",").map((part) => part.split("=").map((one) => one.trim()));
  const labels = Object.fromEntries(pairs.filter(([key, value]) => key && value !== undefined));
  return Object.keys(labels).length ? labels : undefined;
}

export const textOfLabels = (labels) =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(", ");
