// How to begin: sign-in for a program, registering an application, and the examples, with this platform's own addresses.
import { Steps, Typography } from "antd";
import { useTranslation } from "react-i18next";

const STEPS = ["register", "sign-in", "read", "examples", "more"] as const;

export function Begin() {
  const { t } = useTranslation("translation", { keyPrefix: "developers.begin" });
  const origin = location.origin;
  return (
    <Steps
      orientation="vertical"
      style={{ maxWidth: 960 }}
      items={STEPS.map((step) => ({
        title: t(`${step}.title`),
        status: "process" as const,
        content: (
          <>
            <Typography.Paragraph>{t(`${step}.text`)}</Typography.Paragraph>
            <Typography.Paragraph className="developers-shell" copyable={{ text: t(`${step}.code`, { origin }), tooltips: false }}>
              <pre tabIndex={0}>{t(`${step}.code`, { origin })}</pre>
            </Typography.Paragraph>
          </>
        ),
      }))}
    />
  );
}
