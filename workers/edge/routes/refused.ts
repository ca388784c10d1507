import { FaultError } from "#core/http/fault.ts";
import type { RegistryRefusal } from "#objects/registry/api.ts";

/** Returns the fault for a refusal of the registry. */
export function refused(refusal: RegistryRefusal): FaultError {
  const listed = "GET /v1/models/{model}/versions lists the versions.";
  const conflict = (expected: string, received: string, next = listed) => {
    return new FaultError({ kind: "conflict", expected, received, next });
  };
  switch (refusal.kind) {
    case "version-exists":
      return conflict(`the manifest that is stored as version ${refusal.version}`, "another manifest");
    case "version-not-next":
      return conflict(`version ${refusal.next}, the next one`, `version ${refusal.version}`);
    case "version-unknown":
      return conflict(`a published version (the latest is ${refusal.latest ?? "none"})`, `version ${refusal.version}`);
    case "canary-without-stable":
      return conflict("a stable version to compare the canary with", "none: roll out a version to all callers first");
    case "canary-is-stable":
      return conflict("a version other than the stable one", `version ${refusal.version}, which is stable`);
    case "no-previous-version":
      return conflict("a previous stable version", "none: roll out the version that you want");
    case "head-unknown":
      return conflict(`a head of region '${refusal.region}' on version ${refusal.base}`, `head ${refusal.number}`);
    case "webhooks-full":
      return conflict(
        `at most ${refusal.max} webhooks of a model`,
        "another one",
        "Remove one first: DELETE /v1/models/{model}/webhooks/{webhook}.",
      );
    case "registry-lost":
      return conflict(
        "a registry with the versions that are in R2",
        "an empty one: it lost its state",
        "Restore it: npx upriver restore <model>, or POST /v1/models/{model}/restore.",
      );
    case "registry-not-behind":
      return conflict(
        "an empty registry, or one that is behind its copy",
        `one with version ${refusal.latest}, where the copy has ${refusal.copied}`,
        "Nothing was changed. npx upriver doctor says what else is wrong.",
      );
    case "no-copy":
      return conflict(
        "a sound copy of the registry in R2",
        `none: ${refusal.reason}`,
        "Restore models/{model}/registry.json from a backup of the bucket.",
      );
  }
}
