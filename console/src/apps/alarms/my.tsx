import type { MyScreen } from "~/portal/screen";
import { Glyph } from "~/ui/plain/Glyph";

export const my: MyScreen = {
  name: "alarms",
  path: "/call",
  icon: <Glyph name="call" />,
  group: "health",
  order: 90,
  load: () => import("./MyCall"),
};
