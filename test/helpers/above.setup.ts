import { createServer } from "node:http";
import { faultyRung } from "./faulty-rung.ts";

/** Starts a rung above that fails on demand, for the tests in workerd. */
export default async function setup(): Promise<() => void> {
  const server = createServer(faultyRung());
  await new Promise<void>((resolve) =>
    server.listen(Number(process.env.UPRIVER_TEST_ABOVE_PORT), "127.0.0.1", resolve),
  );
  return () => {
    server.closeAllConnections();
    server.close();
  };
}
