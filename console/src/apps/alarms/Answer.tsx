// What somebody does about an alarm: he answers, asks for help, notes, hands over, closes. What was typed stays on an error.
import { useMutation, useQuery } from "@tanstack/react-query";
import { App, Button, Card, Flex, Form, Input, Radio, Segmented, Select, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { answered, parameters, type Parts } from "~/fhir/parameters";
import { ProblemBox } from "~/ui/ProblemBox";
import type { Alarm } from "./alarm";

const STEPS = ["acknowledge", "close", "note", "escalate", "hand-over"] as const;
const OUTCOMES = ["contacted", "medicine-changed", "appointment", "emergency", "false-alarm", "unreachable"] as const;
const MINUTES = [10, 30, 60] as const;
type Step = (typeof STEPS)[number];
interface Said { words?: string; minutes?: number; outcome?: string; to?: string }

export function Answer({ alarm, person, onDone }: { alarm: Alarm; person: Parts | undefined; onDone: () => void }) {
  const { t } = useTranslation("translation", { keyPrefix: "alarms" });
  const client = useClient();
  const { message } = App.useApp();
  const [form] = Form.useForm<Said>();
  const closed = alarm.state === "closed";
  const [step, setStep] = useState<Step>(alarm.state === "acknowledged" ? "close" : "acknowledge");
  const shown: Step = closed ? "note" : step;
  const act = useMutation({
    mutationFn: (said: Said) => client.post<fhir4.Parameters>(`$${shown}`, parameters({ id: alarm.id, ...said })),
    onSuccess: () => {
      void message.success(t(`done.${shown}`));
      form.resetFields();
      if (shown === "acknowledge") setStep("close");
      onDone();
    },
  });
  return (
    <Card size="small">
      <Form
        form={form} layout="vertical" requiredMark={false} onFinish={(said) => act.mutate(said)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.submit();
        }}
      >
        <Flex vertical gap={12}>
          <Segmented<Step>
            aria-label={t("what-to-do")} value={shown} block style={{ overflowX: "auto" }}
            options={(closed ? (["note"] as const) : STEPS).map((one) => ({ value: one, label: t(`step.${one}`) }))}
            onChange={(to) => {
              setStep(to);
              act.reset();
            }}
          />
          <Typography.Text type="secondary">{t(`step-say.${shown}`)}</Typography.Text>
          {shown === "close" ? (
            <Form.Item name="outcome" label={t("outcome-ask")} rules={[{ required: true, message: t("outcome-needed") }]} style={{ marginBottom: 0 }}>
              <Radio.Group options={OUTCOMES.map((one) => ({ value: one, label: t(`outcome.${one}`) }))} />
            </Form.Item>
          ) : null}
          {shown === "acknowledge" ? (
            <Form.Item name="minutes" label={t("promise")} style={{ marginBottom: 0 }}>
              <Radio.Group options={[{ value: undefined, label: t("no-promise") }, ...MINUTES.map((one) => ({ value: one, label: t("minutes", { count: one }) }))]} />
            </Form.Item>
          ) : null}
          {shown === "hand-over" ? <Whom person={person} /> : null}
          <Form.Item
            name="words" label={t(shown === "close" ? "call-words" : "words")} style={{ marginBottom: 0 }}
            rules={shown === "note" || shown === "escalate" ? [{ required: true, whitespace: true, message: t("words-needed") }] : []}
          >
            <Input.TextArea autoSize={{ minRows: 2, maxRows: 6 }} maxLength={1000} placeholder={t("words-say")} />
          </Form.Item>
          <ProblemBox error={act.error} />
          <Flex><Button type="primary" htmlType="submit" loading={act.isPending}>{t(`step.${shown}`)}</Button></Flex>
        </Flex>
      </Form>
    </Card>
  );
}

/** Staff of the desk's institution, the resident's own doctor and nurse first. */
function Whom({ person }: { person: Parts | undefined }) {
  const { t } = useTranslation("translation", { keyPrefix: "alarms" });
  const client = useClient();
  const duty = useQuery({ queryKey: ["duty"], queryFn: () => client.get<fhir4.Parameters>("$duty") });
  const own = ["doctor", "nurse"].flatMap((part) => person?.values<fhir4.Reference>(part) ?? []);
  const staff = answered(duty.data).values<fhir4.Reference>("staff");
  const all = new Map([...own, ...staff].map((one) => [one.reference ?? "", one.display ?? one.reference ?? ""]));
  return (
    <Form.Item name="to" label={t("to")} rules={[{ required: true, message: t("to-needed") }]} style={{ marginBottom: 0 }}>
      <Select
        showSearch={{ optionFilterProp: "label" }} loading={duty.isPending} placeholder={t("to-say")} notFoundContent={t("to-none")}
        options={[...all].map(([value, label]) => ({ value, label }))}
      />
    </Form.Item>
  );
}
