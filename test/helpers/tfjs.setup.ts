// In the bundle a dynamic import only runs code that is there. Vitest fetches it, which one request can't do for another.
import "#core/model/tfjs/engine.ts";
