import type { LocationHint } from "#core/contract/index.ts";

const middleEast = new Set([
  "AE",
  "BH",
  "CY",
  "IL",
  "IQ",
  "IR",
  "JO",
  "KW",
  "LB",
  "OM",
  "PS",
  "QA",
  "SA",
  "SY",
  "TR",
  "YE",
]);
const easternEurope = new Set([
  ...["AL", "BA", "BG", "BY", "CZ", "EE", "FI", "GR", "HR", "HU", "LT", "LV", "MD", "ME", "MK", "PL", "RO", "RS", "RU"],
  ...["SI", "SK", "UA", "XK"],
]);
/** West of this longitude North America is `wnam`: about the middle of the continent. */
const northAmericaSplitDegrees = -100;

/** The Durable Object location hint nearest to where a request came from; null when Cloudflare does not say. */
export function locationHintOf(
  cf: { country?: unknown; continent?: unknown; longitude?: unknown } | undefined,
): LocationHint | null {
  const country = String(cf?.country ?? "");
  if (middleEast.has(country)) return "me";
  switch (cf?.continent) {
    case "NA":
      return Number(cf.longitude ?? 0) < northAmericaSplitDegrees ? "wnam" : "enam";
    case "SA":
      return "sam";
    case "EU":
      return easternEurope.has(country) ? "eeur" : "weur";
    case "AS":
      return "apac";
    case "OC":
      return "oc";
    case "AF":
      return "afr";
    default:
      return null;
  }
}
