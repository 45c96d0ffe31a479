// Makes the calls of its input with CompreFace's JavaScript SDK, each with a new object; prints the answers as JSON.
import { readFileSync } from "node:fs";
import { CompreFace } from "@exadel/compreface-js-sdk";

const { PORT, API_KEY } = process.env;

async function answer([service, part, method, given]) {
  const made = new CompreFace("http://127.0.0.1", PORT)[`initFace${service}Service`](API_KEY);
  try {
    return await (part ? made[`get${part}`]() : made)[method](...given);
  } catch (error) {
    if (!error.response) throw error;
    return error.response.data;
  }
}

const answers = [];
for (const call of JSON.parse(readFileSync(0, "utf8"))) answers.push(await answer(call));
console.log(JSON.stringify(answers));
