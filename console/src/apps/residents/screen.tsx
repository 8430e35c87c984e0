import { TeamOutlined } from "@ant-design/icons";
import type { Screen } from "~/app/screen";

export const screen: Screen = {
  name: "residents",
  path: "/residents",
  icon: <TeamOutlined />,
  group: "care",
  order: 10,
  roles: ["doctor", "nurse", "pharmacist", "family-doctor", "public-health", "registrar", "steward"],
  load: () => import("./Residents"),
  pages: [{ path: "/residents/:id", load: () => import("./Resident") }],
};
