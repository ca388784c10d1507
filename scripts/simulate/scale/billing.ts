// Counts what Cloudflare bills, in workerd's own classes, so that the Worker and its objects run as they are. The simulation of
// scale runs the function's text beside the objects, and tests run it in theirs: it uses nothing from outside itself.

/** What is counted: the names of `prices` in core/cost that a runtime can count. */
export type Counted =
  | "objectRequests"
  | "rowsRead"
  | "rowsWritten"
  | "kvReads"
  | "kvWrites"
  | "kvDeletes"
  | "kvLists"
  | "r2ClassA"
  | "r2ClassB";

/** One of each of workerd's classes that are billed, and the classes of objects, for their alarms. */
interface Samples {
  storage: object;
  kv: object;
  r2: object;
  namespace: object;
  objects: { prototype: object }[];
}

type Method = (this: object, ...given: unknown[]) => unknown;
type Methods = Record<string, Method>;

/**
 * Counts until the returned function is called. `count` receives what, how many, and by whom: the SQL or the storage of an object,
 * a store, the stub of an object that is called, or the object whose alarm rings.
 */
export function countBilled(samples: Samples, count: (what: Counted, n: number, by: object) => void): () => void {
  const undo: (() => void)[] = [];
  const replace = (one: object, name: string, wrap: (method: Method) => Method) => {
    const target = one as Methods;
    const before = target[name] as Method;
    target[name] = wrap(before);
    undo.push(() => {
      target[name] = before;
    });
  };
  const replaceAll = (one: object, operations: Record<string, Counted>) => {
    for (const [name, what] of Object.entries(operations)) {
      replace(one, name, (method) => {
        return function (...given) {
          // KV reads several keys in one call, and bills each.
          count(what, Array.isArray(given[0]) ? given[0].length : 1, this);
          return method.apply(this, given);
        };
      });
    }
  };
  const classOf = (one: object): object => Object.getPrototypeOf(one);

  // A cursor knows its rows once it was walked through, which takes no turn of the event loop.
  const cursors: { cursor: { rowsRead: number; rowsWritten: number }; by: object }[] = [];
  const readCursors = () => {
    for (const { cursor, by } of cursors.splice(0)) {
      count("rowsRead", cursor.rowsRead, by);
      count("rowsWritten", cursor.rowsWritten, by);
    }
  };
  replace(classOf((samples.storage as { sql: object }).sql), "exec", (exec) => {
    return function (...given) {
      const cursor = exec.apply(this, given) as { rowsRead: number; rowsWritten: number };
      if (cursors.length === 0) queueMicrotask(readCursors);
      cursors.push({ cursor, by: this });
      return cursor;
    };
  });
  replaceAll(classOf(samples.storage), { setAlarm: "rowsWritten" });
  const kv = {
    get: "kvReads",
    getWithMetadata: "kvReads",
    put: "kvWrites",
    delete: "kvDeletes",
    list: "kvLists",
  } as const;
  replaceAll(classOf(samples.kv), kv);
  replaceAll(classOf(samples.r2), { get: "r2ClassB", head: "r2ClassB", put: "r2ClassA", list: "r2ClassA" });
  for (const { prototype } of samples.objects) replaceAll(prototype, { alarm: "objectRequests" });
  // Each call of an object is a request.
  replace(classOf(samples.namespace), "get", (get) => {
    return function (...given) {
      const stub = get.apply(this, given) as Methods;
      return new Proxy(stub, {
        get(_, name) {
          const value = stub[name as string];
          if (typeof name !== "string" || typeof value !== "function") return value;
          return (...values: unknown[]) => {
            count("objectRequests", 1, stub);
            return (stub[name] as Method)(...values);
          };
        },
      });
    };
  });
  return () => {
    readCursors();
    for (const one of undo.reverse()) one();
  };
}
