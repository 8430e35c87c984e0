import { CodeOutlined } from "@ant-design/icons";
import type { Screen } from "~/app/screen";

export const screen: Screen = {
  name: "developers",
  path: "/developers",
  icon: <CodeOutlined />,
  group: "platform",
  order: 90,
  roles: "all",
  load: () => import("./Developers"),
};
