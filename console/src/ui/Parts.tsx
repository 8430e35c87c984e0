// The parts of a page: tabs, and where the window is too narrow for all of them a list to choose from. What Ant Design
// does with tabs that overflow is closed to who reads by ear.
import { Grid, Tabs, type TabsProps } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";

const FIT = 3; // tabs on a phone

type Items = NonNullable<TabsProps["items"]>;

/** open and onOpen: where the page's address says which part is open; else it is kept here. */
export function Parts({ items, open, onOpen }: { items: Items; open?: string; onOpen?: (key: string) => void }) {
  const { t } = useTranslation();
  const narrow = Grid.useBreakpoint().md === false;
  const [own, setOwn] = useState(items[0]?.key);
  const shown = open ?? own;
  const show = onOpen ?? setOwn;
  if (!narrow || items.length <= FIT) return <Tabs activeKey={shown} items={items} destroyOnHidden onChange={show} />;
  return (
    <>
      <select
        value={shown} onChange={(event) => show(event.target.value)} aria-label={t("ui.part")}
        style={{ width: "100%", padding: 6, font: "inherit", color: "inherit", background: "transparent", borderRadius: 6 }}
      >
        {items.map(({ key, label }) => <option key={key} value={key}>{label}</option>)}
      </select>
      {items.find((one) => one.key === shown)?.children}
    </>
  );
}
