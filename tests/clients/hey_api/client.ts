// Calls every operation with the client of @hey-api/openapi-ts.

import { type Service, makeCalls } from "./calls";
import { client } from "./generated/client.gen";
import * as sdk from "./generated/sdk.gen";

// The types of the client: what a program writes, and reads of an answer.
async function typed(): Promise<void> {
  const { data, error } = await sdk.verify({ body: { img1: "hopper/cropped.jpg", img2: "hopper/tilted.jpg" } });
  if (error) throw new Error(error.message);
  const distance: number = data!.distance;
  if (!data!.verified || distance > data!.threshold) throw new Error("Two photos of one person are not verified");
  const refused = await sdk.represent({ body: { img: "hopper/none.jpg" } });
  if (refused.error?.error_code !== "image_decode_error") throw new Error("A missing photo is no error");
}

function prepare({ url, key }: Service) {
  client.setConfig({ baseUrl: url, auth: key });
  const operations = sdk as unknown as Record<string, (options: object) => Promise<{ response: Response; data: unknown }>>;
  return async ({ operation, variables, body }: { operation: string; variables: object; body?: unknown }) => {
    if (operation === "verify") await typed();
    const name = operation.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
    const { response, data } = await operations[name]!({ path: variables, body });
    return { status: response.status, data };
  };
}

void makeCalls(prepare);
