import { SafetyCertificateOutlined } from "@ant-design/icons";
import type { Screen } from "~/app/screen";

export const screen: Screen = {
  name: "policy",
  path: "/policy",
  icon: <SafetyCertificateOutlined />,
  group: "platform",
  order: 40,
  roles: ["system-administrator", "security-administrator", "audit-administrator"],
  load: () => import("./Policy"),
};
