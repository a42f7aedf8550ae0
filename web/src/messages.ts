/**
 * All texts of the element. A missing translation is a type error. English is built in; other
 * languages are loaded when needed. (ADR 0010 compares this with @lit/localize.)
 */

import type { ReplaceUserBody } from "latchkey";

/** The fields of a profile. The page shows them in the order of `fields`. */
export type ProfileField = keyof ReplaceUserBody;

const en = {
  nav: "Sections of your settings",
  profile: "Profile",
  preferences: "Preferences",
  devices: "Devices",
  activity: "Security history",
  password: "Password",
  data: "Your data",
  save: "Save changes",
  saving: "Saving…",
  saved: "Saved",
  cancel: "Cancel",
  retry: "Try again",
  reload: "Reload",
  loading: "Loading",

  profileLead: "How you appear, and how we reach you.",
  picture: "Picture",
  pictureHint: "JPEG, PNG or WebP, up to 5 MB.",
  pictureChoose: "Choose a picture",
  pictureRemove: "Remove",
  pictureRemoved: "Your picture has been removed.",
  pictureSaved: "Your picture has been changed.",
  pictureDialog: "Your new picture",
  pictureCrop: "Fill the circle",
  pictureFit: "Show the whole picture",
  picturePart: "Visible part",
  pictureUse: "Use this picture",
  pictureFailed: "Your picture was not changed",
  pictureUnreadable: "This file can’t be read as a picture. Choose a JPEG, PNG or WebP.",
  picturePreview: "Preview of your picture",
  fields: {
    full_name: "Full name",
    display_name: "Display name",
    username: "Username",
    occupation: "Occupation",
    location: "Location",
    age: "Age",
    speaking_language: "I speak",
    listening_language: "I understand",
  } satisfies Record<ProfileField, string>,
  displayNameHint: "What others see. Your full name, if you leave it empty.",
  email: "Email",
  emailChange: "Change…",
  emailResend: "Send the link again",
  emailDialog: "Change your email",
  emailText: "We send a link to the new address. Until you open it, the old address stays.",
  emailNew: "New email",
  emailSend: "Send the link",
  emailSent: (email: string) => `A link is on its way to ${email}.`,
  verified: "Confirmed",
  unverified: "Not confirmed yet",
  languages: "Languages",
  languagesLead: "The languages that you speak and understand.",
  notSet: "Not set",
  changedElsewhere: "This was changed in another window. Reload to see it, then edit again.",

  preferencesLead: "How you like your workplace.",
  pref_wifi: "Wi-Fi",
  pref_noise_level: "Noise",
  pref_power_outlets: "Power outlets",
  pref_lighting: "Lighting",
  pref_seating: "Seating",
  pref_other_preferences: "Anything else",
  any: "No preference",
  wanted: "Needed",
  notNeeded: "Not needed",
  quiet: "Quiet",
  moderate: "Moderate",
  lively: "Lively",
  bright: "Bright",
  soft: "Soft",
  daylight: "Daylight",
  desk: "Desk",
  sofa: "Sofa",
  standing: "Standing",
  consents: "What we may send you",
  consentsLead: "You can change your mind at any time. Each decision is kept with its date.",
  transactional_consent: "Messages about what you do here",
  transactionalHint: "Confirmations, reminders, receipts.",
  marketing_consent: "News and offers",
  marketingHint: "Occasionally. Never shared with others.",
  consentHistory: "Your decisions",
  given: "Given",
  withdrawn: "Withdrawn",

  devicesLead: "Where you are signed in. Signing a device out takes effect at once.",
  thisDevice: "This device",
  otherDevices: "Other devices",
  onlyThis: "Only this device is signed in.",
  unknownPlace: "Location unknown",
  activeNow: "Active now",
  active: (when: string) => `Active ${when}`,
  details: "Details",
  detailsOf: (name: string) => `Details of ${name}`,
  signedInAt: "Signed in",
  method: "Method",
  ip: "IP address",
  lastActive: "Last active",
  endsAt: "Ends",
  browser: "Browser says",
  method_password: "Password",
  method_external: "Identity provider",
  rename: "Rename",
  renameOf: (name: string) => `Rename ${name}`,
  renameTitle: "Rename this device",
  deviceName: "Name",
  renamed: (name: string) => `Renamed to ${name}.`,
  signOut: "Sign out",
  signOutOf: (name: string) => `Sign out ${name}`,
  signOutTitle: (name: string) => `Sign out ${name}?`,
  signOutText: "It is signed out immediately. Signing in again requires the password.",
  signOutSelfText: "You will need your password to sign in again.",
  signOutOthers: (n: number) => `Sign out all other devices (${n})`,
  signOutOthersTitle: (n: number) => (n === 1 ? "Sign out the other device?" : `Sign out ${n} other devices?`),
  signOutOthersText: "They are all signed out at once. This device stays signed in.",
  signedOut: (name: string) => `${name} has been signed out.`,
  signedOutOthers: (n: number) => (n === 1 ? "One device has been signed out." : `${n} devices have been signed out.`),
  notRecognised: "Don’t recognise one? Sign it out, then change your password.",

  activityLead: "What happened to your account, newest first.",
  noActivity: "Nothing has happened yet.",
  more: "Show more",
  refused: "Refused",

  passwordLead: "A new password signs out every other device.",
  currentPassword: "Current password",
  newPassword: "New password",
  newPasswordHint: "At least 15 characters. A few random words work well.",
  changePassword: "Change password",
  passwordChanged: "Your password has been changed. Every other device has been signed out.",
  show: "Show",
  hide: "Hide",

  exportTitle: "Take your data with you",
  exportLead: "One file with all data about you. This takes a moment. You can leave this page.",
  exportRequest: "Request my data",
  exportAgain: "Request again",
  exportQueued: "Waiting to start",
  exportRunning: (step: string) => `Collecting: ${step}`,
  step_waiting: "waiting",
  step_profile: "profile",
  step_preferences: "preferences",
  step_consents: "consents",
  step_sessions: "devices",
  "step_security-history": "security history",
  step_avatar: "picture",
  step_exports: "exports",
  step_identities: "linked identities",
  "step_suppressed-mail": "stopped emails",
  step_packing: "packing the file",
  step_done: "done",
  exportReady: "Your data is ready",
  exportReadyLine: (size: string, until: string) => `${size} · available until ${until}`,
  download: "Download",
  exportFailed: "The export failed",
  failed_INTERRUPTED: "The export was interrupted. Your data is not affected. Request it again, and contact us if it fails too.",
  failed_TOO_LARGE: "Your data does not fit into one file. Contact us to receive it in another way.",
  exportExpired: "The last export has expired.",
  checksum: "SHA-256",

  deleteTitle: "Delete your account",
  deleteLead: "You are signed out everywhere, and your account is erased after a grace period.",
  deleteOpen: "Delete account…",
  deleteDialog: "Delete your account?",
  deleteExport: "Would you like your data first?",
  deleteExportLink: "Request it",
  deleteNow: "Immediately",
  deleteNowText: "Every device is signed out, and nobody can sign in.",
  deleteLater: "After the grace period",
  deleteLaterText: "Profile, picture, preferences, devices, exports and security history are erased permanently.",
  deleteUntil: "Until then your account can be restored. You will see the date here and in an email.",
  deleteType: (email: string) => `Type ${email} to confirm`,
  deleteConfirm: "Delete my account",
  deletedTitle: "Your account is deleted",
  deletedText: (date: string) => `It will be erased permanently on ${date}. Until then it can be restored: check your email.`,

  stepUpTitle: "Confirm that it’s you",
  stepUpText: "Enter your password to continue.",
  stepUpConfirm: "Confirm",

  endedTitle: "You were signed out",
  ended_SESSION_REVOKED: "This device was signed out from another device, or by a change of password.",
  ended_SESSION_EXPIRED: "The maximum time of a sign-in has passed.",
  ended_SESSION_IDLE_TIMEOUT: "This device was not used for a long time.",
  ended_REFRESH_TOKEN_INVALID: "Your sign-in is no longer valid.",
  ended_REFRESH_TOKEN_REUSED: "Your sign-in may have been copied, so we ended it. If that wasn’t you, change your password.",
  ended_ACCOUNT_DELETED: "This account has been deleted.",
  ended_ACCOUNT_SUSPENDED: "This account has been suspended.",
  ended_SIGNED_OUT: "See you soon.",
  signInAgain: "Sign in again",

  error: "Something went wrong",
  errorLoad: "This could not be loaded",
  errorStale: "This may be out of date",
  requestId: "Request",
  e_NETWORK_ERROR: "You seem to be offline. Check your connection and try again.",
  tryAgain: (when: string) => `Too many attempts. Try again ${when}.`,
  e_INVALID_CREDENTIALS: "That password isn’t right.",
  e_TOO_MANY_ATTEMPTS: "Too many attempts. Wait a little, then try again.",
  e_TEMPORARILY_UNAVAILABLE: "The service is busy. Try again in a moment.",
  e_INTERNAL_ERROR: "Something went wrong on our side.",
  e_PASSWORD_NOT_ACCEPTED: "This password can’t be used: it is too short or too common.",
  e_PASSWORD_RESET_REQUIRED: "Choose a new password first, with the link in your email.",
  e_USERNAME_TAKEN: "This username is taken.",
  e_LAST_ADMINISTRATOR: "You are the only administrator. Make another person an administrator first.",
  e_EXPORT_ALREADY_RUNNING: "An export is already running.",
  e_UNUSABLE_PICTURE: "This picture can’t be used.",
};

export type Messages = typeof en;

const OTHERS = {
  de: () => import("./messages.de.js").then((loaded) => loaded.de),
};
export type Language = "en" | keyof typeof OTHERS;

/** The texts of a language; a promise while they are loaded. */
export function messagesIn(language: Language): Messages | Promise<Messages> {
  return language === "en" ? en : OTHERS[language]();
}

/** The first supported language of a list, such as `navigator.languages`. */
export function pickLanguage(wishes: readonly string[]): Language {
  for (const wish of wishes) {
    const base = wish.toLowerCase().split("-")[0] ?? "";
    if (base === "en" || base in OTHERS) return base as Language;
  }
  return "en";
}

/** A message by a computed name, such as `e_` and the code of an error, or undefined. */
export function lookUp(messages: Messages, name: string): string | undefined {
  const found = (messages as Record<string, unknown>)[name];
  return typeof found === "string" ? found : undefined;
}
