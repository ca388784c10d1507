/** A route, as its router knows it: parameters are `:name` or `:name{pattern}`. */
interface Routed {
  method: string;
  path: string;
}

/** Returns a function that lists the methods which a path supports; none for a path that is no route's. */
export function allowedMethods(routes: readonly Routed[]): (path: string) => string[] {
  const patterns = routes.map(({ method, path }) => {
    const pattern = path.replace(/:\w+\{([^}]*)\}|:\w+/g, (_, own?: string) => own ?? "[^/]+");
    return { method, pattern: new RegExp(`^${pattern}/?$`) };
  });
  return (path) => {
    const found = new Set(patterns.flatMap(({ method, pattern }) => (pattern.test(path) ? [method] : [])));
    return found.has("GET") ? [...found, "HEAD"] : [...found];
  };
}
