import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ProblemError, type ReviewQuestion, type UpriverClient } from "#client/index.ts";

/** A question that the reviewer answered and can return to. */
interface ReviewedQuestion {
  question: ReviewQuestion;
  label: string;
}

/** A reviewer's view of the queue, and the actions on its first question. */
interface ReviewState {
  current: ReviewQuestion | null;
  /** The label given before, if the question is back after an undo. */
  given: string | null;
  waiting: number | null;
  done: number;
  /** Labels per minute in this session. */
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
const pollEveryMs = 3_000;
const undoMax = 20;
/** Another reviewer has or answered the question, its truth arrived, or it was deleted. */
const goneStatuses = new Set([404, 409]);

/** Leases questions ahead and sends answers in the background, so that the next question appears at once. */
export function useReviewing(client: UpriverClient, model: string, reviewer: string): ReviewState {
  const [queue, setQueue] = useState<ReviewQuestion[]>([]);
  const [history, setHistory] = useState<ReviewedQuestion[]>([]);
  const [given, setGiven] = useState<string | null>(null);
  const [waiting, setWaiting] = useState<number | null>(null);
  const [loadFailure, setLoadFailure] = useState<Error | null>(null);
  const [sendFailure, setSendFailure] = useState<Error | null>(null);
  const [done, setDone] = useState(0);
  const [isLoading, setLoading] = useState(true);
  const startedAt = useRef<number | null>(null);
  // Questions handled here that may still be leased to us.
  const handled = useRef(new Set<string>());
  const sending = useRef(new Map<string, Promise<unknown>>());
  const queueNow = useRef(queue);
  queueNow.current = queue;

  const refresh = useCallback(async () => {
    try {
      const found = await client.review(model, { limit: leaseAhead, reviewer });
      setWaiting(found.waiting);
      setQueue((before) => {
        const known = new Set(before.map(({ id }) => id));
        return [...before, ...found.questions.filter(({ id }) => !known.has(id) && !handled.current.has(id))];
      });
      setLoadFailure(null);
    } catch (failure) {
      setLoadFailure(failure as Error);
    } finally {
      setLoading(false);
    }
  }, [client, model, reviewer]);

  useEffect(() => {
    setQueue([]);
    setHistory([]);
    handled.current.clear();
    void refresh();
    const timer = setInterval(() => queueNow.current.length === 0 && !document.hidden && refresh(), pollEveryMs);
    return () => clearInterval(timer);
  }, [refresh]);

  const [current = null] = queue;

  const remove = ({ id }: ReviewQuestion) => {
    const rest = queue.filter((one) => one.id !== id);
    setQueue(rest);
    setGiven(null);
    setSendFailure(null);
    if (rest.length < refillBelow) void refresh();
  };

  /**
   * Removes the question at once and sends the action. Actions on one question are sent in order, so that a correction
   * never arrives before the answer it corrects. If the last one fails, the question returns unless it is gone.
   */
  const submit = async (question: ReviewQuestion, send: () => Promise<unknown>) => {
    const { id } = question;
    handled.current.add(id);
    remove(question);
    const before = sending.current.get(id) ?? Promise.resolve();
    const sent = before.catch(() => {}).then(send);
    sending.current.set(id, sent);
    const isLast = () => sending.current.get(id) === sent;
    try {
      await sent;
    } catch (failure) {
      if (!isLast()) return;
      setSendFailure(failure as Error);
      setHistory((done) => done.filter((one) => one.question.id !== id));
      if (failure instanceof ProblemError && goneStatuses.has(failure.problem.status)) return;
      handled.current.delete(id);
      setQueue((queued) => [question, ...queued.filter((one) => one.id !== id)]);
      setGiven(given);
    } finally {
      if (isLast()) sending.current.delete(id);
    }
  };
  const decrementWaiting = () => setWaiting((n) => n && Math.max(0, n - 1));

  return {
    ...{ current, given, waiting, done, isLoading },
    error: sendFailure ?? loadFailure,
    perMinute: startedAt.current === null || done < 2 ? null : done / ((Date.now() - startedAt.current) / 60_000),
    canUndo: history.length > 0,
    answer: (label) => {
      if (!current) return;
      startedAt.current ??= Date.now();
      setHistory([...history, { question: current, label }].slice(-undoMax));
      if (label === given) return remove(current);
      const isFirst = given === null;
      void submit(current, async () => {
        await client.answer(current.id, label, { reviewer });
        if (!isFirst) return;
        setDone((n) => n + 1);
        decrementWaiting();
      });
    },
    skip: () => {
      if (!current) return;
      // The earlier answer stays.
      if (given !== null) return remove(current);
      void submit(current, async () => {
        await client.skip(current.id, { reviewer });
        handled.current.delete(current.id);
      });
    },
    flag: (reason) => {
      if (!current) return;
      void submit(current, async () => {
        await client.flag(current.id, reason, { reviewer });
        decrementWaiting();
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
