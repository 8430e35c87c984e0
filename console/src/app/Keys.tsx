// The keyboard's ways: `/` goes to the search of a page, `?` tells which there are.
import { Modal, Typography } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

const SEARCH = "#main input[type=search], #main .ant-input-search input";
const TYPED = "input, textarea, select, [contenteditable=true]";
const KEYS = ["/", "?", "Enter", "Esc", "Tab"] as const;

export function Keys() {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || (event.target as Element).closest(TYPED)) return;
      const search = document.querySelector<HTMLInputElement>(SEARCH);
      if (event.key === "/" && search) {
        event.preventDefault();
        search.focus();
        search.select();
      } else if (event.key === "?") setOpen(true);
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, []);
  return (
    <Modal open={open} title={t("app.keys")} footer={null} onCancel={() => setOpen(false)} width={420}>
      <dl style={{ display: "grid", gridTemplateColumns: "max-content 1fr", gap: "8px 16px", margin: 0 }}>
        {KEYS.map((key) => (
          <div key={key} style={{ display: "contents" }}>
            <dt><Typography.Text keyboard>{key}</Typography.Text></dt>
            <dd style={{ margin: 0 }}>{t(`app.key.${key}`)}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}
