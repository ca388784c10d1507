import { describe, expect, it } from "vitest";
import {
  freeUsd,
  granted,
  type Lease,
  recover,
  report,
  reserve,
  settle,
  startLease,
  unreported,
} from "#core/budget/lease.ts";
import { committedUsd, type LedgerRow, takeReport } from "#core/budget/ledger.ts";
import { wholePlan } from "#core/budget/pacing.ts";
import { seeded } from "../../helpers/random.ts";

const budget = 10;
const small = 3;

describe("leases of a month", () => {
  it.each([1, 2, 3, 4, 5])("never exceed the budget together, whatever is lost, late or repeated (seed %i)", (seed) => {
    const random = seeded(seed);
    let rows: LedgerRow[] = [];
    const leases = ["a", "b", "c"].map((holder): Lease => ({ ...startLease("2026-11", holder), usdPerMonth: small }));
    const late: Parameters<typeof takeReport>[1][] = [];
    const take = (sent: Parameters<typeof takeReport>[1]) => {
      const row = takeReport(rows, sent, small);
      rows = [...rows.filter(({ holder }) => holder !== row.holder), row];
      return row;
    };
    const held: { lease: number; usd: number }[] = [];
    for (let step = 0; step < 4_000; step++) {
      const i = Math.floor(random() * leases.length);
      const price = 0.001 + 0.02 * random();
      const drawn = random();
      let lease = leases[i] as Lease;
      if (drawn < 0.5) {
        const next = reserve(lease, price);
        if (next) held.push({ lease: i, usd: price });
        leases[i] = next ?? lease;
      } else if (drawn < 0.8 && held.length > 0) {
        const [one] = held.splice(Math.floor(random() * held.length), 1) as [(typeof held)[number]];
        leases[one.lease] = settle(leases[one.lease] as Lease, one.usd, one.usd * random());
      } else if (drawn < 0.81) {
        leases[i] = recover(lease);
        for (let j = held.length - 1; j >= 0; j--) if (held[j]?.lease === i) held.splice(j, 1);
      } else {
        const made = report(lease, random() < 0.3 ? 0 : price * 20, step);
        lease = made.lease;
        const fate = random();
        if (fate < 0.1) late.push(made.sent);
        const row = fate < 0.2 ? null : take(made.sent);
        if (fate < 0.3 && row) take(made.sent);
        leases[i] = fate < 0.4 || !row ? unreported(lease, made.sent) : granted(lease, { ...row, plan: wholePlan });
      }
      if (random() < 0.01 && late.length > 0) take(late.splice(0, 1)[0] as (typeof late)[number]);
      const used = leases.reduce((sum, { spentUsd, reservedUsd }) => sum + spentUsd + reservedUsd, 0);
      expect(used).toBeLessThanOrEqual(small + 1e-9);
      expect(committedUsd(rows)).toBeLessThanOrEqual(small + 1e-9);
    }
    expect(committedUsd(rows)).toBeGreaterThan(0.9 * small);
  });

  it("grant nothing more than what is asked for, and take back the rest", () => {
    const lease: Lease = { ...startLease("2026-11", "a"), usdPerMonth: budget };
    expect(reserve(lease, 0.01)).toBeNull();
    const first = report(lease, 2, 1);
    const row = takeReport([], first.sent, budget);
    const leased = granted(first.lease, { ...row, plan: wholePlan });
    expect(freeUsd(leased)).toBeCloseTo(2, 9);
    const spent = settle(reserve(leased, 0.5) as Lease, 0.5, 0.2);
    const second = report(spent, 0, 2);
    expect(freeUsd(second.lease)).toBeCloseTo(0, 9);
    expect(takeReport([row], second.sent, budget)).toMatchObject({ grantedUsd: 0.2, spentUsd: 0.2 });
  });

  it("have no limit without a budget, and are counted all the same", () => {
    const held = reserve(startLease("2026-11", "a"), 1e6) as Lease;
    const { sent } = report(settle(held, 1e6, 3), 0, 1);
    expect(takeReport([], sent, null)).toMatchObject({ spentUsd: 3, asked: 1 });
  });

  it("keep what was granted where a lower budget comes", () => {
    const { sent } = report(startLease("2026-11", "a"), 8, 1);
    const row = takeReport([], sent, 10);
    expect(takeReport([row], { ...sent, call: 2, targetUsd: 9 }, 5).grantedUsd).toBe(8);
    expect(takeReport([row], { ...sent, call: 2, targetUsd: 1 }, 5).grantedUsd).toBe(1);
  });
});
