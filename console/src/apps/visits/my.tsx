import type { MyScreen } from "~/portal/screen";
import { Glyph } from "~/ui/plain/Glyph";

export const my: MyScreen = {
  name: "visits",
  path: "/visits",
  icon: <Glyph name="visit" />,
  group: "health",
  order: 40,
  load: () => import("./MyVisits"),
};
