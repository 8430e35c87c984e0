import { ApiOutlined } from "@ant-design/icons";
import type { Screen } from "~/app/screen";

export const screen: Screen = {
  name: "feeds",
  path: "/feeds",
  icon: <ApiOutlined />,
  group: "institutions",
  order: 20,
  roles: ["feed-officer", "interface-officer", "system-administrator", "steward", "registrar"],
  load: () => import("./Feeds"),
  pages: [{ path: "/feeds/:name", load: () => import("./Feed") }],
};
