import type { MyScreen } from "~/portal/screen";
import { Glyph } from "~/ui/plain/Glyph";

export const my: MyScreen = {
  name: "medicines",
  path: "/medicines",
  icon: <Glyph name="pill" />,
  group: "health",
  order: 50,
  load: () => import("./MyMedicines"),
};
