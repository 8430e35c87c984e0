import { MobileOutlined } from "@ant-design/icons";
import type { Screen } from "~/app/screen";

export const screen: Screen = {
  name: "devices",
  path: "/devices",
  icon: <MobileOutlined />,
  group: "institutions",
  order: 60,
  roles: ["device-officer", "system-administrator"],
  load: () => import("./Devices"),
};
