// What may be done with a feed as a whole: its next states, and its joining package. The server says whether it may be.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { App, Button, Dropdown, Input, Modal } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { ProblemBox } from "~/ui/ProblemBox";
import { download } from "~/ui/download";
import { pathOf, useIsCentre, type Feed, type State } from "./feed";

// The life of a feed (exchange/feeds/data/states.toml), as far as buttons go.
const NEXT: Record<State, State[]> = {
  applied: ["testing"], testing: ["trial", "paused"], trial: ["live", "testing", "paused"], live: ["trial", "testing", "paused"],
  paused: ["live", "trial", "testing"],
};

export function Moves({ feed }: { feed: Feed }) {
  const { t } = useTranslation("translation", { keyPrefix: "feeds" });
  const client = useClient();
  const { message } = App.useApp();
  const queries = useQueryClient();
  const isCentre = useIsCentre();
  const [to, setTo] = useState<State | null>(null);
  const [why, setWhy] = useState("");
  const moving = useMutation({
    mutationFn: (asked: State) => client.post(pathOf(feed.name, "/move"), { to: asked, why: why.trim() }),
    onSuccess: () => {
      setTo(null);
      setWhy("");
      void queries.invalidateQueries({ queryKey: ["feed", feed.name] });
    },
  });
  const packing = useMutation({
    mutationFn: () => client.file(pathOf(feed.name, "/package")),
    onSuccess: (file) => download(file, `${feed.name}.zip`),
    onError: () => void message.error(t("not-packed")),
  });
  const states = NEXT[feed.state].filter((one) => isCentre || one === "paused");
  return (
    <>
      <Button loading={packing.isPending} onClick={() => packing.mutate()}>{t("package")}</Button>
      {states.length ? (
        <Dropdown
          trigger={["click"]}
          menu={{ items: states.map((one) => ({ key: one, label: t("move-to", { state: t(`states.${one}`) }) })), onClick: ({ key }) => setTo(key as State) }}
        >
          <Button type="primary">{t("move")}</Button>
        </Dropdown>
      ) : null}
      <Modal
        open={to !== null} title={to ? t("move-to", { state: t(`states.${to}`) }) : ""} okText={t("confirm")} confirmLoading={moving.isPending}
        onCancel={() => setTo(null)} onOk={() => to && moving.mutate(to)}
      >
        <p>{to ? t(`move-means.${to}`) : ""}</p>
        <Input.TextArea rows={2} maxLength={200} value={why} aria-label={t("why")} placeholder={t("why")} onChange={(event) => setWhy(event.target.value)} />
        <ProblemBox error={moving.error} />
      </Modal>
    </>
  );
}
