// Calls every operation with openapi-fetch on the types of openapi-typescript.

import createClient, { type Client } from "openapi-fetch";

import { type Call, type Service, makeCalls } from "./calls";
import type { paths } from "./generated/api";

// The types of the client: what a program writes, and reads of an answer.
async function typed(client: Client<paths>, photo: Blob): Promise<void> {
  const { data, error } = await client.POST("/verify", {
    body: { img1: "hopper/cropped.jpg", img2: "hopper/tilted.jpg" },
  });
  if (error) throw new Error(error.message);
  const distance: number = data.distance;
  if (!data.verified || distance > data.threshold) throw new Error("Two photos of one person are not verified");

  const form = new FormData();
  form.set("img", photo);
  form.set("max_faces", "1");
  const uploaded = await client.POST("/represent", { body: { img: "" }, bodySerializer: () => form });
  const raw = await client.POST("/represent", {
    params: { query: { max_faces: 1 } },
    headers: { "Content-Type": photo.type },
    body: "",
    bodySerializer: () => photo,
  });
  if (!raw.data || raw.data.result[0]!.embedding[0] !== uploaded.data?.result[0]!.embedding[0]) {
    throw new Error("A photo as the body itself is embedded otherwise than in a form");
  }
}

function prepare({ url, key, photo }: Service) {
  const client = createClient<paths>({ baseUrl: url, headers: { "X-API-Key": key } });
  const any = client as unknown as { request: (method: string, path: string, options: object) => Promise<any> };
  return async ({ operation, method, path, variables, body }: Call) => {
    if (operation === "verify") await typed(client, photo);
    const parseAs = ["crop", "photo"].includes(operation) ? "blob" : "json";
    const { response, data } = await any.request(method, path, { params: { path: variables }, body, parseAs });
    return { status: response.status, data };
  };
}

void makeCalls(prepare);
