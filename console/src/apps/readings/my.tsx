import type { MyScreen } from "~/portal/screen";
import { Glyph } from "~/ui/plain/Glyph";

export const my: MyScreen = {
  name: "readings",
  path: "/readings",
  icon: <Glyph name="heart" />,
  group: "health",
  order: 30,
  elder: 3,
  load: () => import("./MyReadings"),
  pages: [{ key: "add", path: "/readings/add/:kind", acts: true, load: () => import("./AddReading") }],
};
