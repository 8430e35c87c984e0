import { AuditOutlined } from "@ant-design/icons";
import type { Screen } from "~/app/screen";

export const screen: Screen = {
  name: "exam",
  path: "/exam",
  icon: <AuditOutlined />,
  group: "institutions",
  order: 50,
  roles: ["system-administrator"],
  load: () => import("./Exam"),
};
