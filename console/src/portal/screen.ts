// What a resident's screen says of itself. A screen is a folder below `apps/`, named as the app in Python, and is found:
// `apps/<name>/my.tsx` exports `my`; its texts stand in `apps/<name>/my/{zh,en}.json` under the key <name>.
import type { ComponentType, ReactNode } from "react";
import type { Role } from "./session";

type Load = () => Promise<{ default: ComponentType }>;

export interface MyScreen {
  /** As its folder's name; the key of its texts, of which `title` is shown on the first page and above the screen. */
  name: string;
  /** Below /my, such as "/code". */
  path: string;
  icon: ReactNode;
  /** Where on the first page: what somebody came for, whom it concerns besides, what is set. */
  group: "health" | "family" | "own";
  /** Within its group, from the lowest. */
  order: number;
  /** Its place among the four things on the first page of 长辈版; the others stand below 更多. */
  elder?: 1 | 2 | 3;
  /** Who is shown it; everybody where it is absent. What somebody may do is decided by the server alone. */
  roles?: readonly Role[];
  /** It is of who is signed in, whoever's record is shown. */
  own?: true;
  /** It is of no use to a family member who may see and not act. */
  acts?: true;
  /** Loaded when it is opened. */
  load: Load;
  /** Further pages of the screen: their title is `pages.<key>` of its texts. */
  pages?: { key: string; path: string; acts?: true; load: Load }[];
}

const found = import.meta.glob<{ my: MyScreen }>("../apps/*/my.tsx", { eager: true });

export const screens: MyScreen[] = Object.values(found)
  .map((one) => one.my)
  .sort((one, other) => one.order - other.order);

export const isFor = (screen: MyScreen, role: Role): boolean => screen.roles?.includes(role) ?? true;
