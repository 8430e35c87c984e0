import { NodeIndexOutlined } from "@ant-design/icons";
import type { Screen } from "~/app/screen";

export const screen: Screen = {
  name: "identity",
  path: "/identity",
  icon: <NodeIndexOutlined />,
  group: "oversight",
  order: 8,
  roles: ["steward"],
  load: () => import("./Desk"),
  pages: [
    { path: "/identity/person/:id", load: () => import("./Person") },
    { path: "/identity/merge", load: () => import("./Merge") },
  ],
};
