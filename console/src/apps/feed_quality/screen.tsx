import { BarChartOutlined } from "@ant-design/icons";
import type { Screen } from "~/app/screen";

export const screen: Screen = {
  name: "feed_quality",
  path: "/feed-quality",
  icon: <BarChartOutlined />,
  group: "institutions",
  order: 40,
  roles: ["feed-officer", "interface-officer"],
  load: () => import("./Quality"),
};
