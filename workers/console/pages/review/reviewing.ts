import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ProblemError, type ReviewQuestion, type UpriverClient } from "#client/index.ts";

/** What a person said of a question, to come back to. */
export interface ReviewedQuestion {
  question: ReviewQuestion;
  label: string;
}

/** A person at work on a model's queue: what is in front of them, and what they may do with it. */
export interface ReviewState {
  current: ReviewQuestion | null;
  /** The label that was given before, where the question came back by an undo. */
  given: string | null;
  waiting: number | null;
  done: number;
  /** Labels a minute, over this sitting. */
  perMinute: number | null;
  error: Error | null;
  isLoading: boolean;
  canUndo: boolean;
  answer: (label: string) => void;
  skip: () => void;
  flag: (reason: string) => void;
  undo: () => void;
  refresh: () => void;
}

const leaseAhead = 8;
const refillBelow = 3;
const lookEveryMs = 3_000;
const undoMax = 20;
/** Somebody else has it or has answered it, the world has, or it was forgotten. */
const goneStatuses = new Set([404, 409]);

/** Questions are leased some ahead and told in the background, so that the next one is there at once. */
export function useReviewing(client: UpriverClient, model: string, reviewer: string): ReviewState {
  const [queue, setQueue] = useState<ReviewQuestion[]>([]);
  const [history, setHistory] = useState<ReviewedQuestion[]>([]);
  const [given, setGiven] = useState<string | null>(null);
  const [waiting, setWaiting] = useState<number | null>(null);
  const [lookFailure, setLookFailure] = useState<Error | null>(null);
  const [tellFailure, setTellFailure] = useState<Error | null>(null);
  const [done, setDone] = useState(0);
  const [isLoading, setLoading] = useState(true);
  const startedAt = useRef<number | null>(null);
  // What was dealt with here, and may still be leased to us.
  const told = useRef(new Set<string>());
  const sending = useRef(new Map<string, Promise<unknown>>());
  const queueNow = useRef(queue);
  queueNow.current = queue;

  const refresh = useCallback(async () => {
    try {
      const found = await client.review(model, { limit: leaseAhead, reviewer });
      setWaiting(found.waiting);
      setQueue((before) => {
        const known = new Set(before.map(({ id }) => id));
        return [...before, ...found.questions.filter(({ id }) => !known.has(id) && !told.current.has(id))];
      });
      setLookFailure(null);
    } catch (failure) {
      setLookFailure(failure as Error);
    } finally {
      setLoading(false);
    }
  }, [client, model, reviewer]);

  useEffect(() => {
    setQueue([]);
    setHistory([]);
    told.current.clear();
    void refresh();
    const timer = setInterval(() => queueNow.current.length === 0 && !document.hidden && refresh(), lookEveryMs);
    return () => clearInterval(timer);
  }, [refresh]);

  const [current = null] = queue;

  const takeAway = ({ id }: ReviewQuestion) => {
    const rest = queue.filter((one) => one.id !== id);
    setQueue(rest);
    setGiven(null);
    setTellFailure(null);
    if (rest.length < refillBelow) void refresh();
  };

  /**
   * Takes the question in front away at once. Of one question one thing is told after the other, that a correction
   * does not come before what it corrects; should the last fail, the error says why, and the question comes back where
   * it can still be answered.
   */
  const tell = async (question: ReviewQuestion, send: () => Promise<unknown>) => {
    const { id } = question;
    told.current.add(id);
    takeAway(question);
    const before = sending.current.get(id) ?? Promise.resolve();
    const sent = before.catch(() => {}).then(send);
    sending.current.set(id, sent);
    const isLast = () => sending.current.get(id) === sent;
    try {
      await sent;
    } catch (failure) {
      if (!isLast()) return;
      setTellFailure(failure as Error);
      setHistory((done) => done.filter((one) => one.question.id !== id));
      if (failure instanceof ProblemError && goneStatuses.has(failure.problem.status)) return;
      told.current.delete(id);
      setQueue((queued) => [question, ...queued.filter((one) => one.id !== id)]);
      setGiven(given);
    } finally {
      if (isLast()) sending.current.delete(id);
    }
  };
  const waitsNoMore = () => setWaiting((n) => n && Math.max(0, n - 1));

  return {
    ...{ current, given, waiting, done, isLoading },
    error: tellFailure ?? lookFailure,
    perMinute: startedAt.current === null || done < 2 ? null : done / ((Date.now() - startedAt.current) / 60_000),
    canUndo: history.length > 0,
    answer: (label) => {
      if (!current) return;
      startedAt.current ??= Date.now();
      setHistory([...history, { question: current, label }].slice(-undoMax));
      if (label === given) return takeAway(current);
      const isFirst = given === null;
      void tell(current, async () => {
        await client.answer(current.id, label, { reviewer });
        if (!isFirst) return;
        setDone((n) => n + 1);
        waitsNoMore();
      });
    },
    skip: () => {
      if (!current) return;
      // What was answered stays answered.
      if (given !== null) return takeAway(current);
      void tell(current, async () => {
        await client.skip(current.id, { reviewer });
        told.current.delete(current.id);
      });
    },
    flag: (reason) => {
      if (!current) return;
      void tell(current, async () => {
        await client.flag(current.id, reason, { reviewer });
        waitsNoMore();
      });
    },
    undo: () => {
      const last = history.at(-1);
      if (!last) return;
      setHistory(history.slice(0, -1));
      setQueue([last.question, ...queue.filter(({ id }) => id !== last.question.id)]);
      setGiven(last.label);
    },
    refresh,
  };
}
