import { Hono } from "hono";
import { expect, it } from "vitest";
import { SegmentRouter } from "#core/http/segment-router.ts";
import { routes } from "#edge/routes/index.ts";

const said = "a-b";
const samplesOf = (path: string) => {
  const filled = path.replace(/:\w+\{[^}]*:(\w+)\}/g, `${said}:$1`).replace(/:\w+/g, said);
  return [filled, `${filled}/`, `${filled}/more`, filled.replace(said, ""), filled.replaceAll(said, "%2F%20")];
};

it("finds the route and the parameters that Hono's own router finds, on every path of the edge", async () => {
  const routed = <A extends Hono>(app: A): A => {
    for (const { method, path } of routes) app.on(method, path, (context) => context.json([path, context.req.param()]));
    return app;
  };
  const own = routed(new Hono({ strict: false, router: new SegmentRouter() }));
  const other = routed(new Hono({ strict: false }));
  const paths = new Set(routes.flatMap(({ path }) => samplesOf(path)));
  expect(paths.size).toBeGreaterThan(200);
  for (const path of [...paths, "/", "//", "/v1"]) {
    for (const method of ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"]) {
      const [found, expected] = await Promise.all([own, other].map((app) => app.request(path, { method })));
      expect([path, method, found?.status, await found?.text()]).toEqual([
        ...[path, method, expected?.status, await expected?.text()],
      ]);
    }
  }
});
