import { useEffect, useState } from "preact/hooks";

/** A place in the console: `#/regions/weather/Albury?tab=runs`. */
export interface ConsoleRoute {
  path: string[];
  query: URLSearchParams;
}

/** The place that a hash names. */
export function routeOf(hash: string): ConsoleRoute {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  return { path: path.split("/").filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(query) };
}

/** The address of a place. */
export function linkTo(...path: string[]): string {
  return `#/${path.map(encodeURIComponent).join("/")}`;
}

/** Where the address says that we are, now and after each change. */
export function useRoute(): ConsoleRoute {
  const [place, setPlace] = useState(() => routeOf(location.hash));
  useEffect(() => {
    const follow = () => setPlace(routeOf(location.hash));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return place;
}
