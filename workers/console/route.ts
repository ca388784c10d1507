import { useEffect, useState } from "preact/hooks";

/** A page of the console with its arguments: `#/regions/weather/Albury?tab=runs`. */
export interface ConsoleRoute {
  path: string[];
  query: URLSearchParams;
}

/** Parses the hash of an address. */
function routeOf(hash: string): ConsoleRoute {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  return { path: path.split("/").filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(query) };
}

/** Builds the hash of a page. */
export function linkTo(...path: string[]): string {
  return `#/${path.map(encodeURIComponent).join("/")}`;
}

/** Returns the route of the page's address, and follows its changes. */
export function useRoute(): ConsoleRoute {
  const [route, setRoute] = useState(() => routeOf(location.hash));
  useEffect(() => {
    const follow = () => setRoute(routeOf(location.hash));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return route;
}
