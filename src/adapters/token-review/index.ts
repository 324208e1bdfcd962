export { tokenReviewErrors } from './errors.ts';
export { type KubernetesTokenReviewerOptions, kubernetesTokenReviewer } from './kubernetes.ts';
