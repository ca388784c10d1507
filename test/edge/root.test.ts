import { expect, it } from "vitest";
import { call } from "../helpers/edge.ts";

it("redirects a browser from / to the console, and a program to the documentation", async () => {
  const locationFor = async (accept: string) => {
    const response = await call("GET", "/", { token: null, headers: { accept } });
    return [response.status, response.headers.get("location")];
  };
  expect(await locationFor("text/html,application/xhtml+xml")).toEqual([302, "/console/"]);
  expect(await locationFor("*/*")).toEqual([302, "/docs"]);
});
