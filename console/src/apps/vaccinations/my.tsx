import type { MyScreen } from "~/portal/screen";
import { Glyph } from "~/ui/plain/Glyph";

export const my: MyScreen = {
  name: "vaccinations",
  path: "/vaccinations",
  icon: <Glyph name="syringe" />,
  group: "health",
  order: 60,
  load: () => import("./MyVaccinations"),
};
