import { DashboardOutlined } from "@ant-design/icons";
import type { Screen } from "~/app/screen";

export const screen: Screen = {
  name: "overview",
  path: "/overview",
  icon: <DashboardOutlined />,
  group: "oversight",
  order: 1,
  roles: [
    "feed-officer", "interface-officer", "public-health", "system-administrator", "security-administrator", "audit-administrator",
  ],
  load: () => import("./Overview"),
};
