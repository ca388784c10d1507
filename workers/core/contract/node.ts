import * as z from "zod";
import { modelNameSchema } from "./manifest.ts";
import { tokenIdSchema } from "./token.ts";

/** How long an invitation of a node is valid. */
export const invitationValidMs = 15 * 60_000;
/** Nodes that a deployment lists at most. */
export const nodesMax = 500;
/** How long a revoked node, or an invitation that nobody used, stays listed. */
export const nodeKeepMs = 30 * 24 * 3600_000;
/** Bytes of a node's report, and models that it may name. */
export const nodeReportMaxBytes = 32 * 1024;
export const reportedModelsMax = 200;

/**
 * What may leave a node's site. `samples`: questions that it escalates, and the labels that are given there; `sums` and `nothing`:
 * no instance, so that its ladder ends at its own people. With `sums`, exact sums over the labels of each region go up.
 */
export const shares = ["samples", "sums", "nothing"] as const;
export const shareSchema = z.enum(shares);
export type Share = z.infer<typeof shareSchema>;

const keysSchema = z.record(z.string(), z.string());

export const nodeOrderSchema = z
  .strictObject({ id: tokenIdSchema, share: shareSchema.default("samples") })
  .meta({ id: "NodeOrder" });
/** A node to invite: its id, which its token gets, and what it is to share. */
export type NodeOrder = z.infer<typeof nodeOrderSchema>;

export const invitationSchema = z
  .strictObject({
    /** The enrolment token: it is shown only here, and works once. */
    token: z.string(),
    id: z.string(),
    share: shareSchema,
    /** ms since 1970. */
    validUntil: z.int(),
  })
  .meta({ id: "Invitation" });
/** An invitation of a node. */
export type Invitation = z.infer<typeof invitationSchema>;

/** The public keys that a node trusts: those of publishers, and those that sign heads above. */
const trustedKeys = { publishKeys: keysSchema, deploymentKeys: keysSchema };

export const nodeKeysSchema = z.strictObject({ ...trustedKeys, share: shareSchema }).meta({ id: "NodeKeys" });
/** What the rung above tells a node that starts, or that reports. */
export type NodeKeys = z.infer<typeof nodeKeysSchema>;

export const enrolmentSchema = z
  .strictObject({
    /** The node's own token at the rung above: it is shown only here. */
    token: z.string(),
    id: z.string(),
    share: shareSchema,
    ...trustedKeys,
  })
  .meta({ id: "Enrolment" });
/** What an enrolled node keeps. */
export type Enrolment = z.infer<typeof enrolmentSchema>;

export const hostSchema = z.strictObject({
  memoryBytes: z.int().nonnegative(),
  cores: z.int().nonnegative(),
  arch: z.string().max(40),
});
/** The machine that a node runs on. */
export type Host = z.infer<typeof hostSchema>;

/** Not strict: a node of a later release may say more. */
export const nodeReportSchema = z
  .object({
    /** The version of its software. */
    version: z.string().max(64),
    /** The models that it serves, each with the version and the pointer's revision. */
    models: z
      .array(z.strictObject({ model: modelNameSchema, version: z.int().nullable(), revision: z.int() }))
      .max(reportedModelsMax),
    /** Questions and samples that wait on its disk to go up. */
    backlog: z.int().nonnegative(),
    share: shareSchema,
    host: hostSchema.optional(),
  })
  .meta({ id: "NodeReport" });
/** What a node says of itself, every 15 s. */
export type NodeReport = z.infer<typeof nodeReportSchema>;

export const nodeRecordSchema = z
  .strictObject({
    id: z.string(),
    /** What the invitation says that it shares; its last report says what it does. */
    share: shareSchema,
    /** ms since 1970; `enrolledAt` is null while it has not used its invitation. */
    invitedAt: z.int(),
    enrolledAt: z.int().nullable(),
    revokedAt: z.int().nullable(),
    /** Its last report, and when that came; null before the first. */
    last: z.strictObject({ at: z.int(), ...nodeReportSchema.shape }).nullable(),
  })
  .meta({ id: "NodeRecord" });
/** A node as the rung above knows it. */
export type NodeRecord = z.infer<typeof nodeRecordSchema>;

export const nodesSchema = z.strictObject({ nodes: z.array(nodeRecordSchema) }).meta({ id: "Nodes" });
/** The nodes under a rung, by id. */
export type Nodes = z.infer<typeof nodesSchema>;
