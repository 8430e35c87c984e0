// What an app's screen says of itself. A screen is a folder below `apps/`, named as the app in Python, and is found:
// `apps/<name>/screen.tsx` exports `screen`; its texts stand in `apps/<name>/texts/{zh,en}.json` under the key <name>.
import type { ComponentType, ReactNode } from "react";

export interface Screen {
  /** As in its folder's name; the key of its texts, of which `title` is shown in the menu. */
  name: string;
  /** Below /console, such as "/residents" or "/residents/:id". */
  path: string;
  icon: ReactNode;
  /** Which part of the menu: the work on one resident, on many, with institutions, of the platform itself. */
  group: "care" | "oversight" | "institutions" | "platform";
  /** Within its group, from the lowest. */
  order: number;
  /** Who is shown it in the menu. What somebody may do is decided by the server alone. */
  roles: readonly string[] | "all";
  /** Loaded when it is opened. */
  load: () => Promise<{ default: ComponentType }>;
  /** Further pages of the screen, not in the menu. */
  pages?: { path: string; load: () => Promise<{ default: ComponentType }> }[];
}

const found = import.meta.glob<{ screen: Screen }>("../apps/*/screen.tsx", { eager: true });

export const screens: Screen[] = Object.values(found)
  .map((one) => one.screen)
  .sort((one, other) => one.order - other.order);

export const mayOpen = (screen: Screen, role: string): boolean => screen.roles === "all" || screen.roles.includes(role);
