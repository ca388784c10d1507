import { Empty } from "./states.tsx";

/** Tells how to publish a model when none is served. */
export function NothingServed() {
  return (
    <Empty title="No model is served yet.">
      <p>
        <code>npx upriver publish storefront</code> publishes the example; <code>npx upriver import</code> prepares your
        own TensorFlow.js model.
      </p>
    </Empty>
  );
}
