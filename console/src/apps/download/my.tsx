import type { MyScreen } from "~/portal/screen";
import { Glyph } from "~/ui/plain/Glyph";

export const my: MyScreen = {
  name: "download",
  path: "/download",
  icon: <Glyph name="down" />,
  group: "own",
  order: 10,
  load: () => import("./MyDownload"),
};
