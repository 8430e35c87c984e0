import { AppstoreOutlined } from "@ant-design/icons";
import type { Screen } from "~/app/screen";

export const screen: Screen = {
  name: "applications",
  path: "/applications",
  icon: <AppstoreOutlined />,
  group: "platform",
  order: 30,
  roles: ["system-administrator", "security-administrator"],
  load: () => import("./Applications"),
};
