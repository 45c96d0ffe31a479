// Makes the calls of a file, each with a client made from the OpenAPI document, and prints the status of each.

import { readFile } from "node:fs/promises";

export type Call = { operation: string; method: string; path: string; variables: Record<string, string>; body?: unknown };
export type Service = { url: string; key: string; photo: Blob };
type Answer = { status: number; data?: unknown };
type Registered = { id: string; person_id: string };

export async function makeCalls(prepare: (service: Service) => (call: Call) => Promise<Answer>): Promise<void> {
  const { url, key, photo, ids, calls } = JSON.parse(await readFile(process.argv[2]!, "utf-8"));
  const make = prepare({ url, key, photo: new Blob([await readFile(photo)], { type: "image/jpeg" }) });
  const real: Record<string, string> = {}; // IDs by those of the examples
  const statuses: [string, number][] = [];
  for (const call of calls as Call[]) {
    const { status, data } = await make(JSON.parse(replaced(JSON.stringify(call), real)));
    statuses.push([call.operation, status]);
    if (call.operation === "register") {
      const registered = data as Registered;
      real[ids.other] = real[ids.person] ?? ids.other;
      real[ids.person] = registered.person_id;
      real[ids.face] = registered.id;
    }
    if (call.operation === "create_key") real[ids.key] = (data as { id: string }).id;
  }
  console.log(JSON.stringify(statuses));
}

function replaced(text: string, real: Record<string, string>): string {
  return Object.entries(real).reduce((changed, [example, id]) => changed.replaceAll(example, id), text);
}
