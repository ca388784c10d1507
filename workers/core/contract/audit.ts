import * as z from "zod";

/** How long an act stays in the audit log. */
export const auditKeepMs = 400 * 24 * 3600_000;
/** How many acts that were done, and how many that were refused, the log keeps at most, give or take a thousand. */
export const auditMaxRows = { done: 200_000, refused: 20_000 } as const;
export const auditPageMaxRows = 1_000;
/** The orders in which the log is read. */
export const auditOrders = ["oldest", "newest"] as const;
export type AuditOrder = (typeof auditOrders)[number];

export const auditEntrySchema = z
  .strictObject({
    /** Grows with each entry; pages go by it. */
    number: z.int().positive(),
    /** ms since 1970. */
    at: z.int(),
    /** The id of the token that acted. */
    token: z.string(),
    act: z.string(),
    model: z.string().nullable(),
    region: z.string().nullable(),
    /** What the act was about, such as a version, a question or another token. */
    target: z.string().nullable(),
    /** The status of the response: 2xx was done, any other was refused or failed. */
    status: z.int(),
  })
  .meta({ id: "AuditEntry" });
/** An administrative act. It has no body and no secret. */
export type AuditEntry = z.infer<typeof auditEntrySchema>;
