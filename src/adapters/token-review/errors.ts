import { defineErrors } from '../../base/errors.ts';

export const tokenReviewErrors = defineErrors({
  TOKEN_REVIEW_ANSWER_MALFORMED: {
    kind: 'unavailable',
    message: 'the API server did not answer with a token review',
    next: 'check that the URL is that of a Kubernetes API server and that our account may create tokenreviews',
  },
});
