import { Empty } from "./states.tsx";

/** No model is served: how to have one. */
export function NothingServed() {
  return (
    <Empty title="No model is served yet.">
      <p>
        <code>npx upriver publish storefront</code> publishes the example; <code>npx upriver import</code> takes a
        TensorFlow.js model that you have.
      </p>
    </Empty>
  );
}
